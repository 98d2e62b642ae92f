"""Published sets, sets that need no internet, folders and images of your own: uint8 in a fixed order."""
from colddiff_nb.data.loading import SPLITS, Images, load, short_name
from colddiff_nb.data.names import CHANNELS, channels
from colddiff_nb.data.pixels import to_float, to_uint8

__all__ = ["CHANNELS", "Images", "SPLITS", "channels", "load", "short_name", "to_float", "to_uint8"]
