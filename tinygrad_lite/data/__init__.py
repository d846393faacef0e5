"""Small real data sets, shipped with their sources named."""
