"""The networks, each with its frozen config dataclass, and the encoders in front of them."""
