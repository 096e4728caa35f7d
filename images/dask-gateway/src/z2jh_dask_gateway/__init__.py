"""What Dask Gateway lacks: limits for each user (`backend`), plain refusals (`auth`), routes for its proxy (`feed`)."""
