package assets_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"reflect"
	"regexp"
	"strconv"
	"testing"

	"github.com/gen2brain/webp"

	"meridian/assets"
)

func gradient(w, h int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.SetNRGBA(x, y, color.NRGBA{uint8(x * 255 / w), uint8(y * 255 / h), 128, 255})
		}
	}
	return img
}

func pngOf(t *testing.T, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func jpegOf(t *testing.T, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestUploadMakesRenditions(t *testing.T) {
	s, _ := started(t)
	src := pngOf(t, gradient(800, 600))
	a, err := s.Upload(t.Context(), "Mug Teal (front).png", src)
	if err != nil {
		t.Fatal(err)
	}
	if a.Kind != "image" || a.Width != 640 || a.Height != 480 || !reflect.DeepEqual(a.Widths, []int{320, 640}) || !reflect.DeepEqual(a.Formats, []string{"jpg", "webp"}) {
		t.Fatalf("got %+v", a)
	}
	if !regexp.MustCompile(`^mug-teal-front-[0-9a-f]{8}$`).MatchString(a.Stem) {
		t.Fatalf("stem %q", a.Stem)
	}
	var total int64
	for _, w := range a.Widths {
		for format, read := range map[string]func([]byte) (image.Image, error){
			"jpg":  func(b []byte) (image.Image, error) { return jpeg.Decode(bytes.NewReader(b)) },
			"webp": func(b []byte) (image.Image, error) { return webp.Decode(bytes.NewReader(b)) },
		} {
			key := a.Stem + "-" + strconv.Itoa(w) + "." + format
			o, err := s.Get(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			total += o.Size
			img, err := read(o.Body)
			if err != nil || img.Bounds().Dx() != w || img.Bounds().Dy() != w*3/4 {
				t.Fatalf("%s: %v, %v", key, img.Bounds(), err)
			}
			r, g, _, _ := img.At(w*9/10, w*3/40).RGBA()
			if r>>8 < 200 || g>>8 > 60 {
				t.Fatalf("%s: the upper right is %d, %d", key, r>>8, g>>8)
			}
		}
	}
	if total != a.Bytes {
		t.Fatalf("%d bytes stored, %d said", total, a.Bytes)
	}
	again, err := s.Upload(t.Context(), "Mug Teal (front).png", src)
	if err != nil || !reflect.DeepEqual(again, a) {
		t.Fatalf("the same picture again: %+v, %v", again, err)
	}
	other, err := s.Upload(t.Context(), "Mug Teal (front).png", pngOf(t, gradient(801, 600)))
	if err != nil || other.Stem == a.Stem {
		t.Fatalf("another picture, the same stem: %+v, %v", other, err)
	}
}

func TestUploadNeverEnlarges(t *testing.T) {
	s, _ := started(t)
	a, err := s.Upload(t.Context(), "tiny.jpg", jpegOf(t, gradient(100, 50)))
	if err != nil || !reflect.DeepEqual(a.Widths, []int{100}) || a.Height != 50 {
		t.Fatalf("got %+v, %v", a, err)
	}
}

func TestUploadTurnsPicturesUpright(t *testing.T) {
	s, _ := started(t)
	src := jpegOf(t, gradient(200, 100))
	exif := []byte("\xff\xe1\x00\x22Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00")
	turned := append(append(append([]byte{}, src[:2]...), exif...), src[2:]...)
	a, err := s.Upload(t.Context(), "phone.jpg", turned)
	if err != nil || a.Width != 100 || a.Height != 200 {
		t.Fatalf("got %+v, %v", a, err)
	}
	o, err := s.Get(t.Context(), a.Stem+"-100.jpg")
	if err != nil {
		t.Fatal(err)
	}
	img, err := jpeg.Decode(bytes.NewReader(o.Body))
	if err != nil {
		t.Fatal(err)
	}
	// A quarter turn clockwise: red grows downwards, green to the left.
	r1, g1, _, _ := img.At(90, 10).RGBA()
	r2, g2, _, _ := img.At(10, 190).RGBA()
	if r1 >= r2 || g1 >= g2 {
		t.Fatalf("upper right %d %d, lower left %d %d", r1>>8, g1>>8, r2>>8, g2>>8)
	}
}

func TestUploadRefuses(t *testing.T) {
	s, err := assets.New(assets.Config{Endpoint: "127.0.0.1:1", AccessKey: "a", SecretKey: "b", Bucket: "c"})
	if err != nil {
		t.Fatal(err)
	}
	bomb := pngOf(t, gradient(10, 10))
	binary.BigEndian.PutUint32(bomb[16:], 30_000) // the width in IHDR
	binary.BigEndian.PutUint32(bomb[20:], 30_000)
	copy(bomb[29:], crc(bomb[12:29]))
	whole := jpegOf(t, gradient(400, 400))
	for name, c := range map[string]struct {
		src  []byte
		want error
	}{
		"empty":     {nil, assets.ErrUnsupported},
		"gif":       {[]byte("GIF89a"), assets.ErrUnsupported},
		"svg":       {[]byte("<svg onload='x()'/>"), assets.ErrUnsupported},
		"bomb":      {bomb, assets.ErrTooLarge},
		"truncated": {whole[:len(whole)/2], assets.ErrUnsupported},
		"huge":      {append([]byte("\xff\xd8\xff"), make([]byte, assets.MaxUploadBytes)...), assets.ErrTooLarge},
	} {
		if _, err := s.Upload(t.Context(), name, c.src); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.Upload(t.Context(), "good.jpg", whole); !errors.Is(err, assets.ErrUnavailable) {
		t.Errorf("without a server: %v", err)
	}
	for _, files := range [][]assets.File{nil, {{Width: 320, Format: "avif", Body: []byte("x")}}, {{Width: 320, Format: "exe"}}, {{Width: 0, Format: "jpg", Body: whole}}} {
		if _, err := s.PutSet(t.Context(), "x", files); !errors.Is(err, assets.ErrUnsupported) {
			t.Errorf("set %v: %v", files, err)
		}
	}
}

func TestPutSet(t *testing.T) {
	s, _ := started(t)
	files := []assets.File{{960, "avif", []byte("large")}, {320, "avif", []byte("small")}, {320, "jpg", jpegOf(t, gradient(320, 240))}}
	a, err := s.PutSet(t.Context(), "vase-1", files)
	if err != nil || a.Width != 960 || a.Height != 720 || !reflect.DeepEqual(a.Widths, []int{320, 960}) || !reflect.DeepEqual(a.Formats, []string{"avif", "jpg"}) {
		t.Fatalf("got %+v, %v", a, err)
	}
	if o, err := s.Get(t.Context(), a.Stem+"-960.avif"); err != nil || string(o.Body) != "large" || o.ContentType != "image/avif" {
		t.Fatalf("got %+v, %v", o, err)
	}
}

func TestUploadClip(t *testing.T) {
	s, _ := started(t)
	src := film(640, 360)
	a, err := s.UploadClip(t.Context(), "turn.mp4", "vase-1", src)
	if err != nil || a.Kind != "clip" || a.Width != 640 || a.Height != 360 || a.Poster != "vase-1" {
		t.Fatalf("got %+v, %v", a, err)
	}
	if o, err := s.Get(t.Context(), a.Stem+".mp4"); err != nil || !bytes.Equal(o.Body, src) || o.ContentType != "video/mp4" {
		t.Fatalf("got %q, %v", o.ContentType, err)
	}
	for name, bad := range map[string][]byte{"empty": nil, "html": []byte("<html>xxxxxxxxxxxx"), "no film": film(640, 360)[:16], "no picture": film(0, 0)} {
		if _, err := s.UploadClip(t.Context(), name, "", bad); !errors.Is(err, assets.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
