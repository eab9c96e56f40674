package main

import (
	"bytes"
	"fmt"
	"image/png"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The clips: one turn of the table, seamless when it repeats.
const (
	clipSide   = 640
	clipFrames = 60
	clipRate   = 20
)

// turned are the pictures whose products have a clip; each is the first picture of its product.
func turned() []string {
	return []string{"kitchen-chair-oak-1", "aria-headphones-cream-1", "sunday-radio-teal-1"}
}

// makeClips renders every clip that is not there yet.
func makeClips(o options) error {
	dir := filepath.Join(o.dir, "clips")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("clips: %w", err)
	}
	for _, s := range shots() {
		if !slices.Contains(turned(), s.Name) || !strings.HasPrefix(s.Name, o.only) {
			continue
		}
		file := filepath.Join(dir, strings.TrimSuffix(s.Name, "-1")+".mp4")
		if _, err := os.Stat(file); err == nil && !o.force {
			continue
		}
		began := time.Now()
		if err := film(s, file, min(clipSide, o.size)); err != nil {
			return fmt.Errorf("clip %s: %w", s.Name, err)
		}
		fmt.Printf("%s %s\n", file, time.Since(began).Round(time.Second))
	}
	return nil
}

// film renders the frames and has ffmpeg make a silent H.264 film of them.
func film(s Shot, file string, side int) error {
	tmp, err := os.MkdirTemp("", "render-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	model := s.Model()
	for i := range clipFrames {
		m := onTable(*model, 2*math.Pi*float64(i)/clipFrames)
		var b bytes.Buffer
		if err := png.Encode(&b, m.photograph(s.View, side)); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(tmp, fmt.Sprintf("%03d.png", i)), b.Bytes(), 0o644); err != nil {
			return err
		}
	}
	// bitexact keeps the encoder's name and the time out of the file.
	cmd := exec.Command("ffmpeg", "-y", "-loglevel", "error", "-framerate", fmt.Sprint(clipRate), "-i", filepath.Join(tmp, "%03d.png"),
		"-an", "-c:v", "libx264", "-threads", "1", "-preset", "slow", "-crf", "25", "-pix_fmt", "yuv420p", "-movflags", "+faststart",
		"-fflags", "+bitexact", "-flags:v", "+bitexact", file)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ffmpeg: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// onTable turns the model under the lights, which stay where they are.
func onTable(m Model, angle float64) *Model {
	dist, mat, centre := m.Dist, m.Mat, m.Centre
	m.Dist = func(p V) near { return dist(p.TurnY(angle)) }
	m.Mat = func(p, n V, part int) Mat {
		a := mat(p.TurnY(angle), n.TurnY(angle), part)
		a.Bump = a.Bump.TurnY(-angle)
		return a
	}
	m.Centre = centre.TurnY(-angle)
	return &m
}
