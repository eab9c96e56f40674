package assets

import (
	"bytes"
	"image"
	"image/jpeg"
	"testing"
)

func FuzzMeasure(f *testing.F) {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 8)), nil); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"))
	f.Add([]byte("\xff\xd8\xff\xe1\x00\x22Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06"))
	f.Fuzz(func(t *testing.T, src []byte) {
		if o := orientation(src); o < 1 || o > 8 {
			t.Fatalf("orientation %d", o)
		}
		c, _, err := measure(src)
		if err == nil && (c.Width <= 0 || c.Height <= 0 || c.Width*c.Height > MaxPixels) {
			t.Fatalf("accepted %d by %d", c.Width, c.Height)
		}
	})
}

func FuzzClipSize(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x10ftypisom\x00\x00\x02\x00\x00\x00\x00\x00moov"))
	f.Add([]byte("\x00\x00\x00\x10ftypisom\x00\x00\x02\x00\x00\x00\x00\x01moov\x00\x00\x00\x00\x00\x00\x00\x10"))
	f.Fuzz(func(t *testing.T, src []byte) {
		w, h, err := clipSize(src)
		if err == nil && (w <= 0 || h <= 0) {
			t.Fatalf("accepted %d by %d", w, h)
		}
	})
}
