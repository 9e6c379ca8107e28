"""Models: references, loading, chat-template families, engines."""
