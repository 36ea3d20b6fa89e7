"""Keeps the Helm charts honest: generated metadata and READMEs, linters, schemas of Kubernetes."""
