"""Who calls, and what they may do: API keys, bearer tokens, rate limits."""
