"""What a controller measures, as data: `table` says what there is."""
