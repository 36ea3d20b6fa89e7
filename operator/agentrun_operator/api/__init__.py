"""The AgentRun control plane behind the engine's `ExternalAPI` port; the only importer of httpx."""
