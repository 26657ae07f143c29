"""What tests write and build: files of every format, lakes, views, walks, films. No test is here, and no test imports another."""
