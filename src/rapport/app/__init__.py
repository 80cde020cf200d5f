"""The only place where parts are wired together: settings, the two processes of a node, and what supervises them."""
