"""What a controller measures, as Prometheus reads it: `console.metrics` says what there is."""
