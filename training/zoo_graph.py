"""What is exported around the network of a zoo bundle, so that serving asks it in our axes and gets probabilities."""

import torch

from training.zoo_recipe import Activation, ZooRecipe


class ServedLayout(torch.nn.Module):
    """Window (n, 1, z, y, x), 0 to 1 -> probability (n, label, z, y, x), by a network with axes of its own."""

    def __init__(self, network: torch.nn.Module, recipe: ZooRecipe) -> None:
        """Fix *network*, asked and understood as *recipe* says."""
        super().__init__()
        self.network = network
        self._order = (0, 1, *(2 + axis for axis in recipe.axes))
        self._back = tuple(sorted(range(5), key=self._order.__getitem__))
        self._flipped = tuple(2 + axis for axis in recipe.flipped)
        self._low, self._high = recipe.value_range
        self._softmax = recipe.activation is Activation.SOFTMAX

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Probability of each voxel."""
        output = self.network(self.to_network(image))
        return self.to_served(output)

    def to_network(self, image: torch.Tensor) -> torch.Tensor:
        """*image* with the network's axes and values."""
        return image.permute(self._order).flip(self._flipped) * (self._high - self._low) + self._low

    def to_served(self, output: torch.Tensor) -> torch.Tensor:
        """Probabilities in our axes of the network's *output*; background is left out."""
        probability = torch.softmax(output, dim=1)[:, 1:] if self._softmax else torch.sigmoid(output)
        return probability.flip(self._flipped).permute(self._back)
