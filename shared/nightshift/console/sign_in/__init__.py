"""Who is at the console: users, sessions, links, proxies."""
