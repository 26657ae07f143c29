"""Videos: only the frames are copied into a new container; tags, sound, subtitles and other tracks stay behind."""

from __future__ import annotations

from pathlib import Path

from neurostore.errors import InputError, MissingExtraError

_FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".avi": "avi", ".mkv": "matroska", ".webm": "webm"}


def copy_frames(path: Path, to: Path, note: list[str]) -> None:
    """Copy the video streams of a file, packet by packet, without its metadata.

    Raises
    ------
    MissingExtraError : PyAV is not installed.  InputError : it cannot be read, or its container cannot be written.
    """
    try:
        import av
        from av.error import FFmpegError
    except ImportError:
        raise MissingExtraError(
            f"{path.name}: names, places and dates inside of videos need PyAV; install it (pip install av), or leave the "
            "videos out (--leave-out '*.mp4')"
        ) from None
    kind = _FORMATS[path.suffix.lower()]
    try:
        with av.open(str(path)) as source, av.open(str(to), "w", format=kind, options=_options(kind)) as target:
            pairs = {}
            for stream in source.streams.video:
                copy = target.add_stream_from_template(stream)
                copy.metadata.clear()
                copy.time_base = stream.time_base
                pairs[stream.index] = copy
            if not pairs:
                raise InputError(path, "has no frames; it cannot be coded")
            others = len(source.streams) - len(pairs)
            if others:
                note.append(f"{path.name}: sound and other tracks ({others}) were left out")
            for packet in source.demux(list(source.streams.video)):
                if packet.dts is None:
                    continue
                packet.stream = pairs[packet.stream_index]
                target.mux(packet)
    except (FFmpegError, OSError, ValueError) as error:
        raise InputError(path, f"its frames cannot be copied without its metadata: {error}") from None


def _options(kind: str) -> dict[str, str]:
    return {"fflags": "+bitexact"} | ({"movflags": "+faststart"} if kind in ("mp4", "mov") else {})
