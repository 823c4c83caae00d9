"""Runs releases on cases: rules, intake, durable work, pipelines, results, pages."""
