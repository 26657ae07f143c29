# Neurostore on a CPU. Use: docker build -t neurostore . ; docker run --rm -v "$PWD":/data neurostore ingest /data/cohort --lake /data/lake
FROM python:3.11-slim

# ezc3d and OpenCV (used by mediapipe) need these two libraries at run time.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/neurostore
COPY pyproject.toml README.md LICENSE ./
COPY neurostore neurostore
COPY ingest ingest
COPY queries queries
COPY schemas schemas

# torch is installed first, from its CPU index: the default build installs gigabytes of CUDA packages.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN pip install --no-cache-dir "torch==2.13.0" --index-url "$TORCH_INDEX" \
    && pip install --no-cache-dir ".[all]"

RUN useradd --create-home neurostore
USER neurostore
ENV NEUROSTORE_LAKE=/data/lake
WORKDIR /data
ENTRYPOINT ["neurostore"]
CMD ["--help"]
