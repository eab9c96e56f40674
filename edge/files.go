package edge

import (
	"context"
	"path"
	"strings"
	"unicode/utf8"

	"meridian/api"
	"meridian/web"
)

// Files keeps pictures and clips. Its errors are *api.Error: not_found for a file that does not exist,
// unsupported_media_type or too_large for an upload that cannot be taken, unavailable while the store is down.
type Files interface {
	// Open reads the file under a key, which is the address after /assets/.
	Open(ctx context.Context, key string) (body []byte, contentType string, err error)
	// Put stores an upload with its renditions. Poster names the still picture of a clip.
	Put(ctx context.Context, name, poster, contentType string, body []byte) (api.Asset, error)
}

// assetTypes are what may be uploaded.
var assetTypes = []string{"image/jpeg", "image/png", "video/mp4"}

const noFiles = "Pictures are not available right now. The shop sells without them; try again in a minute."

func (s *Shop) fileRoutes() []Route {
	routes := []Route{
		{Method: "GET", Pattern: "/assets/{file}", Class: File, Timeout: payTimeout, Handler: s.file},
		{Method: "GET", Pattern: "/favicon.ico", Handler: s.favicon},
	}
	for address, file := range web.Static() {
		answer := Answer{ContentType: file.ContentType, Body: file.Bytes, Immutable: true}
		routes = append(routes, Route{Method: "GET", Pattern: address, Handler: func(context.Context, *Request) (*Answer, error) {
			a := answer
			return &a, nil
		}})
	}
	return routes
}

// favicon answers browsers that ask for the icon by its old name.
func (s *Shop) favicon(context.Context, *Request) (*Answer, error) {
	icon := web.Static()[web.StaticPath("icon.svg")]
	return &Answer{ContentType: icon.ContentType, Body: icon.Bytes, Tags: []string{api.TagContent}}, nil
}

// validFile reports whether a name can be one of ours: letters, digits, dots, hyphens and underscores,
// and not a dot in front.
func validFile(name string) bool {
	return name != "" && name[0] != '.' && bounded(name, 200, func(c byte) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-'
	})
}

// file serves a picture or clip. While the store is down, what is not cached is a small placeholder
// with status 503, so that pages keep their shape.
func (s *Shop) file(ctx context.Context, r *Request) (*Answer, error) {
	name := r.Params["file"]
	if !validFile(name) {
		return nil, notFound("There is no such file.")
	}
	if s.cfg.Files == nil {
		return placeholder(name), nil
	}
	body, contentType, err := s.cfg.Files.Open(ctx, name)
	switch api.CodeOf(err) {
	case "":
		return &Answer{ContentType: contentType, Body: body, Immutable: true}, nil
	case api.CodeNotFound:
		return nil, notFound("There is no such file.")
	}
	s.cfg.Log.Warn("file not read", "file", name, "error", err, "request_id", r.Call.RequestID)
	return placeholder(name), nil
}

// placeholder stands in for a picture that cannot be read right now; for a clip there is nothing to show.
func placeholder(name string) *Answer {
	a := &Answer{Status: 503, ContentType: "text/plain; charset=utf-8", Body: []byte(noFiles + "\n"), Header: [][2]string{{"Retry-After", "5"}}}
	if path.Ext(name) != ".mp4" {
		a.ContentType = "image/svg+xml"
		a.Body = []byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 5" width="640" height="800"><path fill="#d9dcd6" d="M0 0h4v5H0z"/></svg>`)
	}
	return a
}

const fileNameRule = "must be a file name such as mug-teal-1.jpg: letters, digits, dots, hyphens and underscores"

// staffPutAsset tells the core of a picture or clip whose files were put into the store beforehand.
func (s *Shop) staffPutAsset(ctx context.Context, r *Request) (*Answer, error) {
	name := r.Params["name"]
	if !validFile(name) {
		return nil, api.Invalid("name", fileNameRule)
	}
	var asset api.Asset
	if err := decodeJSON(r.Body, &asset); err != nil {
		return nil, err
	}
	if asset.Name == "" {
		asset.Name = name
	}
	if asset.Name != name {
		return nil, api.Invalid("name", "must be the name in the address, %s", name)
	}
	if !validFile(asset.Stem) {
		return nil, api.Invalid("stem", fileNameRule)
	}
	return askStaff(ctx, s, r, api.StaffAssetPut, asset)
}

// staffUpload stores a picture or clip and tells the core its name.
func (s *Shop) staffUpload(ctx context.Context, r *Request) (*Answer, error) {
	p := params{query: r.Query}
	name, poster := p.one("name"), p.one("poster")
	if !validFile(name) || !strings.Contains(name, ".") {
		p.fail("name", fileNameRule)
	}
	if poster != "" && !validFile(poster) {
		p.fail("poster", fileNameRule)
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	if len(r.Body) == 0 {
		return nil, badBody("The body is empty. Send the picture itself.")
	}
	t := s.staff(r)
	if _, err := s.require(ctx, t, roleMerchandiser); err != nil {
		return nil, err
	}
	if s.cfg.Files == nil {
		return nil, api.NewError(api.CodeUnavailable, noFiles)
	}
	asset, err := s.cfg.Files.Put(ctx, name, poster, mediaType(r.ContentType), r.Body)
	if err != nil {
		return nil, unavailable(noFiles, err)
	}
	stored, err := ask(ctx, t, api.StaffAssetPut, asset)
	if err != nil {
		return t.refused(err)
	}
	return reply(t.answer(), 201, stored)
}

// mediaType is a content type without its parameters.
func mediaType(contentType string) string {
	media, _, _ := strings.Cut(contentType, ";")
	if !utf8.ValidString(media) {
		return ""
	}
	return strings.ToLower(strings.TrimSpace(media))
}
