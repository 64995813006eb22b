"""Words for default run names. Changing them changes the names of runs that nobody named."""

from __future__ import annotations

from typing import Final

_ADJECTIVES = """
    amber ample azure balmy bold brave breezy bright brisk calm candid clear
    cloudy cosmic cozy crisp curious dapper deft dewy eager early fair fleet
    fresh frosty gentle gilded glad golden grand hardy hazel humble indigo ivory
    jade jolly keen kind lively lucid lunar mellow merry misty mossy nimble
    noble patient placid polar proud quiet rapid serene silver snowy solar steady
    sunny swift tidal vivid
"""

_NOUNS = """
    acorn alder aspen atoll aurora badger basin bay beacon birch breeze brook
    canyon cedar cliff clover comet coral cove crane crater creek delta dune
    ember falcon fern field finch fjord forest galaxy garnet geyser glacier grove
    harbor heron island juniper lagoon lake lark lotus maple meadow meteor nebula
    oak orbit otter pebble photon pine prism quartz quasar reef ridge river
    robin sparrow summit willow
"""

ADJECTIVES: Final = tuple(_ADJECTIVES.split())
NOUNS: Final = tuple(_NOUNS.split())
