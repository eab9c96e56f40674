package assets

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"

	"github.com/gen2brain/webp"
	"golang.org/x/image/draw"
)

// Widths are the renditions made of an uploaded picture, where it is wide enough.
var widths = []int{320, 640, 960}

const (
	jpegQuality = 80
	webpQuality = 80
)

// File is one rendition.
type File struct {
	Width  int
	Format string // avif, webp or jpg
	Body   []byte
}

var mediaTypes = map[string]string{"avif": "image/avif", "webp": "image/webp", "jpg": "image/jpeg", "mp4": "video/mp4"}

// measure reads the header only, so that a small file that unpacks to gigabytes is refused before it does.
func measure(src []byte) (image.Config, string, error) {
	if len(src) > MaxUploadBytes {
		return image.Config{}, "", fmt.Errorf("%d MiB, at most %d: %w", len(src)>>20, MaxUploadBytes>>20, ErrTooLarge)
	}
	kind, read := "", jpeg.DecodeConfig
	switch {
	case bytes.HasPrefix(src, []byte("\xff\xd8\xff")):
		kind = "jpeg"
	case bytes.HasPrefix(src, []byte("\x89PNG\r\n\x1a\n")):
		kind, read = "png", png.DecodeConfig
	default:
		return image.Config{}, "", fmt.Errorf("neither JPEG nor PNG: %w", ErrUnsupported)
	}
	c, err := read(bytes.NewReader(src))
	if err != nil {
		return image.Config{}, "", fmt.Errorf("broken %s: %w: %w", kind, ErrUnsupported, err)
	}
	if c.Width <= 0 || c.Height <= 0 {
		return image.Config{}, "", fmt.Errorf("no pixels: %w", ErrUnsupported)
	}
	if c.Width > MaxSide || c.Height > MaxSide || c.Width*c.Height > MaxPixels {
		return image.Config{}, "", fmt.Errorf("%d × %d pixels, at most %d million: %w", c.Width, c.Height, MaxPixels/1_000_000, ErrTooLarge)
	}
	return c, kind, nil
}

// decode unpacks a picture that measure accepted, turned the way its camera says it was held.
func decode(src []byte, kind string) (image.Image, error) {
	read := jpeg.Decode
	if kind == "png" {
		read = png.Decode
	}
	img, err := read(bytes.NewReader(src))
	if err != nil {
		return nil, fmt.Errorf("broken %s: %w: %w", kind, ErrUnsupported, err)
	}
	if kind == "jpeg" {
		return upright(img, orientation(src)), nil
	}
	return img, nil
}

// renditions makes the files of a picture: JPEG and WebP in each width, never larger than the source.
func renditions(img image.Image) ([]File, error) {
	var out []File
	full := img.Bounds()
	for i, w := range widths {
		if w > full.Dx() {
			if i > 0 {
				break
			}
			w = full.Dx() // smaller than the smallest: keep its own size
		}
		small := scale(img, w)
		var j, p bytes.Buffer
		if err := jpeg.Encode(&j, small, &jpeg.Options{Quality: jpegQuality}); err != nil {
			return nil, fmt.Errorf("encode JPEG: %w", err)
		}
		if err := webp.Encode(&p, small, webp.Options{Quality: webpQuality, Method: 4}); err != nil {
			return nil, fmt.Errorf("encode WebP: %w", err)
		}
		out = append(out, File{w, "webp", p.Bytes()}, File{w, "jpg", j.Bytes()})
		if w == full.Dx() {
			break
		}
	}
	return out, nil
}

// scale answers the picture at width w, on white where it is transparent.
func scale(img image.Image, w int) *image.NRGBA {
	from := img.Bounds()
	h := max(1, (from.Dy()*w+from.Dx()/2)/from.Dx())
	to := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(to, to.Rect, image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.CatmullRom.Scale(to, to.Rect, img, from, draw.Over, nil)
	// Opaque by now, so both layouts hold the same bytes.
	return &image.NRGBA{Pix: to.Pix, Stride: to.Stride, Rect: to.Rect}
}
