# The scripts of a release source this file.

# semver VERSION: prints the version as charts and krew need it, without v. It is a pre-release of 0.0.0 if VERSION is not a semantic version.
semver() {
	local version=${1#v}
	[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[A-Za-z0-9.-]+)?$ ]] || version=0.0.0-$(tr -c 'A-Za-z0-9.\n-' - <<<"$version")
	echo "$version"
}

# archive FILE FOLDER NAME...: packs what is in a folder, so that the same content gives the same bytes.
archive() {
	tar --sort=name --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --mtime="@$SOURCE_DATE_EPOCH" -C "$2" -c "${@:3}" | gzip -n >"$1"
}
