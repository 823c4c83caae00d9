"""Executable, versioned case definitions: the labels that training, backtest and live share."""
