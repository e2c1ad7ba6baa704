"""What most people show cameras with: one newest JPEG, a thread that renews it,
multipart/x-mixed-replace from Flask.  JPEG names the picture, FPS its rate."""

import os
import threading
import time

from flask import Flask, Response

FPS = float(os.environ.get('FPS', 30))
PART = (b'--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n'
        b'X-Timestamp: %.6f\r\nX-Frame-Seq: %d\r\n\r\n')

with open(os.environ['JPEG'], 'rb') as file:
    JPEG = file.read()


class Camera:
    """Viewers wait until it has a picture that they have not had."""

    def __init__(self):
        self.renewed = threading.Condition()
        self.newest = (0, 0.0, JPEG)
        threading.Thread(target=self.renew, daemon=True).start()

    def renew(self):
        due = time.monotonic()
        while True:
            due += 1 / FPS
            time.sleep(max(0, due - time.monotonic()))
            with self.renewed:
                seq = self.newest[0] + 1
                self.newest = (seq, time.time(), bytes(JPEG))
                self.renewed.notify_all()

    def after(self, seq):
        with self.renewed:
            while self.newest[0] == seq:
                self.renewed.wait()
            return self.newest


def create_app(encode):
    """`encode` makes of a picture what one viewer gets."""
    app = Flask(__name__)
    camera = Camera()

    def parts():
        seq = 0
        while True:
            seq, taken, jpeg = camera.after(seq)
            jpeg = encode(jpeg)
            yield PART % (len(jpeg), taken, seq) + jpeg + b'\r\n'

    @app.route('/stream')
    def stream():
        return Response(
            parts(), mimetype='multipart/x-mixed-replace; boundary=frame')

    return app
