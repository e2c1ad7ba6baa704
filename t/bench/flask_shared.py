"""Flask where all viewers get the same bytes: the good case."""

from flask_stream import create_app

app = create_app(lambda jpeg: jpeg)
