package assets

import (
	"bytes"
	"encoding/binary"
	"image"

	"golang.org/x/image/draw"
)

// orientation reads how the camera was held from a JPEG's EXIF part: 1 (upright) to 8, 1 when unknown.
// The tag is 0x0112 in the first directory (EXIF 2.3, section 4.6.4).
func orientation(src []byte) int {
	for at := 2; at+4 <= len(src) && src[at] == 0xff && src[at+1] != 0xda; {
		size := int(binary.BigEndian.Uint16(src[at+2:]))
		if size < 2 || at+2+size > len(src) {
			return 1
		}
		part := src[at+4 : at+2+size]
		if src[at+1] == 0xe1 && bytes.HasPrefix(part, []byte("Exif\x00\x00")) {
			return tiffOrientation(part[6:])
		}
		at += 2 + size
	}
	return 1
}

func tiffOrientation(b []byte) int {
	if len(b) < 8 {
		return 1
	}
	var order binary.ByteOrder = binary.LittleEndian
	if b[0] == 'M' {
		order = binary.BigEndian
	}
	at := int64(order.Uint32(b[4:]))
	if at+2 > int64(len(b)) {
		return 1
	}
	n := int64(order.Uint16(b[at:]))
	for i := range n {
		e := at + 2 + 12*i
		if e+12 > int64(len(b)) {
			return 1
		}
		if order.Uint16(b[e:]) == 0x0112 {
			if v := int(order.Uint16(b[e+8:])); v >= 1 && v <= 8 {
				return v
			}
			return 1
		}
	}
	return 1
}

// upright turns and mirrors a picture by its orientation.
func upright(img image.Image, o int) image.Image {
	if o <= 1 {
		return img
	}
	from := img.Bounds()
	src := image.NewRGBA(image.Rect(0, 0, from.Dx(), from.Dy()))
	draw.Draw(src, src.Rect, img, from.Min, draw.Src)
	w, h := from.Dx(), from.Dy()
	to := image.NewRGBA(image.Rect(0, 0, w, h))
	if o >= 5 {
		to = image.NewRGBA(image.Rect(0, 0, h, w))
	}
	for y := range to.Rect.Dy() {
		for x := range to.Rect.Dx() {
			i, j := source(o, x, y, w, h)
			copy(to.Pix[to.PixOffset(x, y):][:4], src.Pix[src.PixOffset(i, j):][:4])
		}
	}
	return to
}

// source says which pixel of the stored w by h picture is shown at x, y.
func source(o, x, y, w, h int) (int, int) {
	switch o {
	case 2:
		return w - 1 - x, y
	case 3:
		return w - 1 - x, h - 1 - y
	case 4:
		return x, h - 1 - y
	case 5:
		return y, x
	case 6:
		return y, h - 1 - x
	case 7:
		return w - 1 - y, h - 1 - x
	case 8:
		return w - 1 - y, x
	}
	return x, y
}
