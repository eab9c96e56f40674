package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"meridian/api"
	"meridian/api/coreclient"
	"meridian/assets"
)

// rendition is the name of one file of a picture: NAME-WIDTH.FORMAT.
var rendition = regexp.MustCompile(`^([a-z0-9][a-z0-9-]*)-([0-9]{2,4})\.(avif|webp|jpg)$`)

// gallery is the demo's pictures and clips as they lie in the repository.
type gallery struct {
	pictures map[string][]string // asset name → files
	clips    map[string]string   // asset name → file
}

// hang reads which files there are; a file that is no rendition is an error, since it would be lost.
func hang(demo string) (g gallery, err error) {
	g = gallery{pictures: map[string][]string{}, clips: map[string]string{}}
	entries, err := os.ReadDir(filepath.Join(demo, "pictures"))
	if err != nil {
		return g, err
	}
	for _, e := range entries {
		m := rendition.FindStringSubmatch(e.Name())
		switch {
		case m != nil:
			name := m[1] + ".jpg"
			g.pictures[name] = append(g.pictures[name], filepath.Join(demo, "pictures", e.Name()))
		case strings.HasSuffix(e.Name(), ".json"), strings.HasSuffix(e.Name(), ".md"):
		default:
			return g, fmt.Errorf("%s is not NAME-WIDTH.avif, .webp or .jpg", e.Name())
		}
	}
	clips, err := os.ReadDir(filepath.Join(demo, "clips"))
	if errors.Is(err, fs.ErrNotExist) {
		return g, nil
	}
	for _, e := range clips {
		if strings.HasSuffix(e.Name(), ".mp4") {
			g.clips[e.Name()] = filepath.Join(demo, "clips", e.Name())
		}
	}
	return g, err
}

// poster is the picture of the same name, else the first of the product.
func (g gallery) poster(clip string) string {
	base := strings.TrimSuffix(clip, ".mp4")
	for _, name := range []string{base + ".jpg", base + "-1.jpg"} {
		if g.pictures[name] != nil {
			return name
		}
	}
	return ""
}

// files lists every file, for the catalogue's hash.
func (g gallery) files() []string {
	var all []string
	for _, files := range g.pictures {
		all = append(all, files...)
	}
	for _, file := range g.clips {
		all = append(all, file)
	}
	slices.Sort(all)
	return all
}

// pictures puts the files into S3 and registers each asset with the cores, with a merchandiser's
// credential. The renditions were made ahead of time, so they do not go through the upload, which
// would make them again.
func (s *seeding) pictures(ctx context.Context, g gallery) error {
	store, err := s.store(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	cores, err := s.cores()
	if err != nil {
		return err
	}
	defer cores.Close()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	put := func(name string, upload func() (api.Asset, error)) {
		group.Go(func() error {
			asset, err := retryStore(ctx, upload)
			if err != nil {
				return err
			}
			_, _, err = coreclient.Do(ctx, cores, api.StaffAssetPut, asset, api.Call{Key: "seed-asset-" + asset.Stem, Credential: "staff:" + s.creds.Merchandiser.Token})
			if err != nil {
				return fmt.Errorf("register %s: %w", name, err)
			}
			return nil
		})
	}
	for name, files := range g.pictures {
		put(name, func() (api.Asset, error) {
			set, err := readSet(files)
			if err != nil {
				return api.Asset{}, err
			}
			return store.PutSet(ctx, name, set)
		})
	}
	for name, file := range g.clips {
		put(name, func() (api.Asset, error) {
			b, err := os.ReadFile(file)
			if err != nil {
				return api.Asset{}, err
			}
			return store.UploadClip(ctx, name, g.poster(name), b)
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	s.say("catalogue: %d pictures and %d clips in S3", len(g.pictures), len(g.clips))
	return nil
}

// retryStore bears an S3 server that is slow on a busy machine; a file that is wrong fails at once.
func retryStore(ctx context.Context, upload func() (api.Asset, error)) (a api.Asset, err error) {
	for range 5 {
		if a, err = upload(); !errors.Is(err, assets.ErrUnavailable) {
			return a, err
		}
		select {
		case <-ctx.Done():
			return a, err
		case <-time.After(time.Second):
		}
	}
	return a, err
}

func readSet(files []string) (set []assets.File, err error) {
	for _, file := range files {
		m := rendition.FindStringSubmatch(filepath.Base(file))
		width, err := strconv.Atoi(m[2])
		if err != nil {
			return nil, err
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		set = append(set, assets.File{Width: width, Format: m[3], Body: b})
	}
	return set, nil
}

func (s *seeding) store(ctx context.Context) (*assets.Store, error) {
	secret, err := readSecret(s.opts.path("secrets", "s3.secret"))
	if err != nil {
		return nil, err
	}
	store, err := assets.New(assets.Config{Endpoint: s.opts.ports.s3(), AccessKey: s3AccessKey, SecretKey: secret, Bucket: s3Bucket, Timeout: 20 * time.Second})
	if err != nil {
		return nil, err
	}
	if err := store.EnsureBucket(ctx); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return store, nil
}

func (s *seeding) cores() (*coreclient.Client, error) {
	token, err := readSecret(s.opts.path("secrets", "cluster.token"))
	if err != nil {
		return nil, err
	}
	var nodes []coreclient.Node
	for i, r := range regions[:s.opts.regions] {
		nodes = append(nodes, coreclient.Node{ID: "core-" + r.name, Region: r.name, Addr: s.opts.ports.core(i)})
	}
	return coreclient.New(coreclient.Config{Nodes: nodes, Region: regions[0].name, Token: token, Edge: "dev-seed"})
}
