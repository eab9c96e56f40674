package main

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/image/draw"
)

// The renditions of a picture. The largest is AVIF only: browsers that need it read AVIF.
var widths = []int{320, 640, 960}

const (
	largestJPEG = 640
	// Clean backdrops hide what a lower quality costs; it keeps the whole catalogue under 12 MB.
	jpegQuality = 70
)

// makePictures renders every shot that is not there yet.
func makePictures(o options) error {
	dir := filepath.Join(o.dir, "pictures")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("pictures: %w", err)
	}
	for i, s := range shots() {
		if !strings.HasPrefix(s.Name, o.only) {
			continue
		}
		last := filepath.Join(dir, s.Name+"-320.avif")
		if _, err := os.Stat(last); err == nil && !o.force {
			continue
		}
		began := time.Now()
		img := s.Model().photograph(s.View, min(s.Size, o.size))
		if err := write(dir, s.Name, img); err != nil {
			return fmt.Errorf("picture %s: %w", s.Name, err)
		}
		fmt.Printf("%d %s %s\n", i, s.Name, time.Since(began).Round(time.Millisecond))
	}
	return nil
}

// write puts the renditions of one picture into dir, the smallest last, so that it marks a whole set.
func write(dir, name string, img *image.NRGBA) error {
	for i := len(widths) - 1; i >= 0; i-- {
		w := widths[i]
		if w > img.Rect.Dx() {
			continue
		}
		small := image.NewNRGBA(image.Rect(0, 0, w, w))
		draw.CatmullRom.Scale(small, small.Rect, img, img.Rect, draw.Src, nil)
		stem := filepath.Join(dir, name+"-"+strconv.Itoa(w))
		if w <= largestJPEG {
			var b bytes.Buffer
			if err := jpeg.Encode(&b, small, &jpeg.Options{Quality: jpegQuality}); err != nil {
				return err
			}
			if err := os.WriteFile(stem+".jpg", b.Bytes(), 0o644); err != nil {
				return err
			}
		}
		if err := avif(stem+".avif", small); err != nil {
			return err
		}
	}
	return nil
}

// avif runs avifenc, which compresses such pictures several times better than what Go has.
func avif(file string, img image.Image) error {
	tmp, err := os.CreateTemp("", "render-*.png")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if err := png.Encode(tmp, img); err != nil {
		tmp.Close()
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	cmd := exec.Command("avifenc", "--min", "18", "--max", "32", "-s", "6", "-j", "1", "-y", "420", tmp.Name(), file)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("avifenc: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}
