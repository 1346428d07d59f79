"""What a Prometheus and a Grafana are given: alert rules, a dashboard, and where to scrape."""
