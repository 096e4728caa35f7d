"""What Dask Gateway lacks: limits for each user (`backend`), and routes for its own proxy (`feed`)."""
