"""Explanations, not tools: what flows, bends, rounds and costs in a network. The core never imports it."""
