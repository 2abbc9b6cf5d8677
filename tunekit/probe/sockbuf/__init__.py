"""How SO_SNDBUF and SO_RCVBUF affect sending: predicted, measured and explained."""

from tunekit.probe.sockbuf.pairs import SIZES as SIZES
from tunekit.probe.sockbuf.pairs import measure as measure
