package edge

import (
	"context"
	"errors"

	"meridian/api"
	"meridian/assets"
)

// Pictures is package assets as the shop sees it.
type Pictures struct{ *assets.Store }

var _ Files = Pictures{}

// Open implements Files.
func (p Pictures) Open(ctx context.Context, key string) (body []byte, contentType string, err error) {
	o, err := p.Get(ctx, key)
	if err != nil {
		return nil, "", fileError(err)
	}
	return o.Body, o.ContentType, nil
}

// Put implements Files.
func (p Pictures) Put(ctx context.Context, name, poster, contentType string, body []byte) (asset api.Asset, err error) {
	if contentType == "video/mp4" {
		asset, err = p.UploadClip(ctx, name, poster, body)
	} else {
		asset, err = p.Upload(ctx, name, body)
	}
	if err != nil {
		return asset, fileError(err)
	}
	return asset, nil
}

// fileError says a store's error in the words of the contract.
func fileError(err error) *api.Error {
	var e *api.Error
	switch {
	case errors.Is(err, assets.ErrNotFound), errors.Is(err, assets.ErrKey):
		e = notFound("There is no such file.")
	case errors.Is(err, assets.ErrTooLarge):
		e = api.NewError(api.CodeTooLarge, "This picture is too large. Send at most %d MiB and %d million pixels.", assets.MaxUploadBytes>>20, assets.MaxPixels/1_000_000)
	case errors.Is(err, assets.ErrUnsupported):
		e = api.NewError(api.CodeUnsupportedMedia, "This is not a JPEG, a PNG or an MP4 that can be read.")
	case errors.Is(err, assets.ErrUnavailable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		e = api.NewError(api.CodeUnavailable, noFiles)
	default:
		e = api.Internal(err)
	}
	return e.WithCause(err)
}
