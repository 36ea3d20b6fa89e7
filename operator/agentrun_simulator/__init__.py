"""The AgentRun cloud in memory, for tests, demos and trials."""
