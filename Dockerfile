# Two images: the operator (the last stage, so the default) and, with --target=simulator, the
# simulated cloud for trials. All stages need Python 3.11 or newer; the building ones its venv
# module too. A release pins the base by digest (`python -m release --pin-base`), as you may:
# --build-arg=BASE_IMAGE=python@sha256:… The images tell it by a label.
ARG BASE_IMAGE=python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS wheel
# The secrets tell pip how the building machine reaches its package index. They are optional,
# and never part of a layer; `python -m image` passes them.
ENV PIP_CONFIG_FILE=/run/secrets/pip-config \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /source
RUN python3 -m venv /build
COPY requirements/build.txt requirements/
RUN --mount=type=secret,id=pip-config --mount=type=secret,id=ca-certificates \
    /build/bin/pip install --require-hashes --requirement requirements/build.txt
COPY tools/image/bytecode.py /build/
COPY pyproject.toml README.md LICENSE ./
COPY operator operator
RUN /build/bin/pip wheel --no-deps --no-build-isolation --no-index --wheel-dir /wheels .

# The environments that ship have no pip; that of the build installs into them. Byte code is made
# last and names no time, so that the same sources give the same files.
FROM wheel AS build-simulator
RUN python3 -m venv --without-pip /opt/agentrun-simulator
COPY requirements/simulator.txt requirements/
RUN --mount=type=secret,id=pip-config --mount=type=secret,id=ca-certificates \
    /build/bin/pip --python /opt/agentrun-simulator/bin/python install --no-compile \
        --require-hashes --requirement requirements/simulator.txt \
 && /build/bin/pip --python /opt/agentrun-simulator/bin/python install --no-compile \
        --no-deps --no-index /wheels/*.whl \
 && PYTHONHASHSEED=0 python3 /build/bytecode.py /opt/agentrun-simulator/lib

FROM wheel AS build-operator
RUN python3 -m venv --without-pip /opt/agentrun-operator
COPY requirements/runtime.txt requirements/
RUN --mount=type=secret,id=pip-config --mount=type=secret,id=ca-certificates \
    /build/bin/pip --python /opt/agentrun-operator/bin/python install --no-compile \
        --require-hashes --requirement requirements/runtime.txt \
 && /build/bin/pip --python /opt/agentrun-operator/bin/python install --no-compile \
        --no-deps --no-index /wheels/*.whl \
 && PYTHONHASHSEED=0 python3 /build/bytecode.py /opt/agentrun-operator/lib

FROM ${BASE_IMAGE} AS simulator
ARG BASE_IMAGE
LABEL org.opencontainers.image.title="agentrun-simulator" \
      org.opencontainers.image.base.name="${BASE_IMAGE}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build-simulator /opt/agentrun-simulator /opt/agentrun-simulator
ENV PATH=/opt/agentrun-simulator/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["agentrun-simulator"]
CMD ["--host=0.0.0.0", "--port=8080"]

FROM ${BASE_IMAGE} AS operator
ARG BASE_IMAGE
LABEL org.opencontainers.image.title="agentrun-operator" \
      org.opencontainers.image.base.name="${BASE_IMAGE}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build-operator /opt/agentrun-operator /opt/agentrun-operator
ENV PATH=/opt/agentrun-operator/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["agentrun-operator"]
CMD ["run"]
