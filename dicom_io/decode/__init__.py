"""From the bytes of Pixel Data to arrays: what a file declares, where its frames lie, who decodes them."""
