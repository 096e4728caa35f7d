"""What joins JupyterHub to the rest of this platform."""
