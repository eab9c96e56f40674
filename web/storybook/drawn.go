package storybook

import (
	"hash/fnv"
	"image"
	"image/color"
	"image/png"
	"math"
	"net/http"
)

// drawnSize is the edge of a drawn picture in pixels.
const drawnSize = 320

// drawn answers any picture's path with a ball on a pale backdrop; the path decides the colour.
func drawn(w http.ResponseWriter, r *http.Request) {
	h := fnv.New32a()
	_, _ = h.Write([]byte(r.URL.Path))
	hue := float64(h.Sum32()%360) / 360
	img := image.NewRGBA(image.Rect(0, 0, drawnSize, drawnSize))
	for y := range drawnSize {
		for x := range drawnSize {
			img.Set(x, y, pixel(float64(x)/drawnSize, float64(y)/drawnSize, hue))
		}
	}
	w.Header().Set("Content-Type", "image/png")
	_ = png.Encode(w, img)
}

// pixel is the colour at x, y in 0..1: a lit ball with its shadow, standing before the backdrop.
func pixel(x, y, hue float64) color.RGBA {
	dx, dy := x-.5, y-.52
	if d := math.Hypot(dx, dy) / .27; d < 1 {
		nz := math.Sqrt(1 - d*d)
		light := .35 + .65*math.Max(0, (-.5*dx/.27-.6*dy/.27+.62*nz))
		return tint(hue, .55, light)
	}
	shadow := math.Exp(-(dx*dx/.05 + (y-.8)*(y-.8)/.002))
	return tint(hue, .06, (.93-.1*y)*(1-.35*shadow))
}

// tint is a colour by hue, saturation and brightness in 0..1.
func tint(hue, saturation, value float64) color.RGBA {
	channel := func(shift float64) uint8 {
		k := math.Mod(shift+hue*6, 6)
		v := value - value*saturation*math.Max(0, math.Min(1, math.Min(k, 4-k)))
		return uint8(math.Round(255 * math.Max(0, math.Min(1, v))))
	}
	return color.RGBA{channel(5), channel(3), channel(1), 255}
}
