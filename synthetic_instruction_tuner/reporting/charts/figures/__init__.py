"""Figures of the report: every file draws one thing, `describe(results)` lists its charts."""
