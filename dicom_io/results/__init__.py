"""What goes out: Findings written as the standard's own objects, checked before they may leave."""
