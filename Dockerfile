# Both stages need Python 3.11 or newer; the first one its venv module too.
ARG BASE_IMAGE=python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS build
# The secrets tell pip how the building machine reaches its package index. They are optional,
# and never part of a layer; `python -m image` passes them.
ENV PIP_CONFIG_FILE=/run/secrets/pip-config \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /source
# The environment that ships has no pip; the other one installs into it.
RUN python3 -m venv /build && python3 -m venv --without-pip /opt/agentrun-operator
COPY requirements/build.txt requirements/runtime.txt requirements/
RUN --mount=type=secret,id=pip-config --mount=type=secret,id=ca-certificates \
    /build/bin/pip install --require-hashes --requirement requirements/build.txt \
 && /build/bin/pip --python /opt/agentrun-operator/bin/python install \
        --require-hashes --requirement requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY operator operator
RUN /build/bin/pip wheel --no-deps --no-build-isolation --no-index --wheel-dir /wheels . \
 && /build/bin/pip --python /opt/agentrun-operator/bin/python install --no-deps --no-index /wheels/*.whl

FROM ${BASE_IMAGE}
COPY --from=build /opt/agentrun-operator /opt/agentrun-operator
ENV PATH=/opt/agentrun-operator/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 65532:65532
ENTRYPOINT ["agentrun-operator"]
CMD ["run"]
