package assets

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image/jpeg"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"meridian/api"
)

// putsAtOnce bounds the requests one upload has in flight.
const putsAtOnce = 4

// Upload makes the renditions of a JPEG or PNG and stores them. The stem holds a hash of the content,
// so the same picture under the same name is the same files. Errors: ErrTooLarge, ErrUnsupported,
// ErrUnavailable.
func (s *Store) Upload(ctx context.Context, name string, src []byte) (api.Asset, error) {
	_, kind, err := measure(src)
	if err != nil {
		return api.Asset{}, fmt.Errorf("picture %s: %w", name, err)
	}
	files, err := s.render(ctx, src, kind)
	if err != nil {
		return api.Asset{}, fmt.Errorf("picture %s: %w", name, err)
	}
	return s.putSet(ctx, name, stem(name, src), files)
}

// render decodes one picture at a time, because one may take hundreds of MiB.
func (s *Store) render(ctx context.Context, src []byte, kind string) ([]File, error) {
	select {
	case s.decoding <- struct{}{}:
		defer func() { <-s.decoding }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	img, err := decode(src, kind)
	if err != nil {
		return nil, err
	}
	return renditions(img)
}

// PutSet stores renditions that were made elsewhere. At least one must be a JPEG; the largest width
// and the shape of the largest JPEG make the asset's size.
func (s *Store) PutSet(ctx context.Context, name string, files []File) (api.Asset, error) {
	parts := make([][]byte, len(files))
	for i, f := range files {
		if mediaTypes[f.Format] == "" || f.Format == "mp4" || f.Width <= 0 || f.Width > MaxSide {
			return api.Asset{}, fmt.Errorf("picture %s: width %d, format %q: %w", name, f.Width, f.Format, ErrUnsupported)
		}
		parts[i] = f.Body
	}
	return s.putSet(ctx, name, stem(name, parts...), files)
}

func (s *Store) putSet(ctx context.Context, name, stem string, files []File) (api.Asset, error) {
	a := api.Asset{Name: name, Kind: "image", Stem: stem}
	var largest File
	for _, f := range files {
		if !slices.Contains(a.Widths, f.Width) {
			a.Widths = append(a.Widths, f.Width)
		}
		if !slices.Contains(a.Formats, f.Format) {
			a.Formats = append(a.Formats, f.Format)
		}
		if f.Format == "jpg" && f.Width > largest.Width {
			largest = f
		}
		a.Bytes += int64(len(f.Body))
	}
	c, err := jpeg.DecodeConfig(bytes.NewReader(largest.Body))
	if err != nil {
		return api.Asset{}, fmt.Errorf("picture %s has no readable JPEG: %w: %w", name, ErrUnsupported, err)
	}
	slices.Sort(a.Widths)
	slices.Sort(a.Formats)
	a.Width = a.Widths[len(a.Widths)-1]
	a.Height = max(1, (c.Height*a.Width+c.Width/2)/c.Width)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(putsAtOnce)
	for _, f := range files {
		group.Go(func() error {
			return s.Put(ctx, stem+"-"+strconv.Itoa(f.Width)+"."+f.Format, mediaTypes[f.Format], f.Body)
		})
	}
	if err := group.Wait(); err != nil {
		return api.Asset{}, fmt.Errorf("picture %s: %w", name, err)
	}
	return a, nil
}

// UploadClip stores an MP4 as it is. Poster is the name of the image asset shown before it plays.
func (s *Store) UploadClip(ctx context.Context, name, poster string, src []byte) (api.Asset, error) {
	w, h, err := clipSize(src)
	if err != nil {
		return api.Asset{}, fmt.Errorf("clip %s: %w", name, err)
	}
	a := api.Asset{Name: name, Kind: "clip", Stem: stem(name, src), Width: w, Height: h, Widths: []int{w}, Formats: []string{"mp4"}, Bytes: int64(len(src)), Poster: poster}
	if err := s.Put(ctx, a.Stem+".mp4", mediaTypes["mp4"], src); err != nil {
		return api.Asset{}, fmt.Errorf("clip %s: %w", name, err)
	}
	return a, nil
}

// stem is what the files of an asset begin with: its name as a slug, and eight hex digits of its content.
func stem(name string, parts ...[]byte) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:", len(p))
		h.Write(p)
	}
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		name = name[:i]
	}
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() >= 80 {
			break
		}
	}
	slug := strings.Trim(b.String(), "-")
	if slug == "" {
		slug = "file"
	}
	return slug + "-" + hex.EncodeToString(h.Sum(nil)[:4])
}
