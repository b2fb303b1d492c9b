from carboy.json.tag import *
