"""Flask where each picture is encoded once more for each viewer, as in most
tutorials."""

import cv2
import numpy

from flask_stream import JPEG, create_app

QUALITY = 85

cv2.setNumThreads(1)
IMAGE = cv2.imdecode(numpy.frombuffer(JPEG, numpy.uint8), cv2.IMREAD_COLOR)


def encode(_):
    return cv2.imencode(
        '.jpg', IMAGE, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()


app = create_app(encode)
