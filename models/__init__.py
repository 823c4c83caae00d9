"""What a clinical model is: manifest, contract, release, runtime, registry, preprocessing."""
