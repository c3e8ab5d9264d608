# The scripts of a release source this file.

# semver VERSION: prints the version as charts and krew need it, without v. It is a pre-release of 0.0.0 if VERSION is not a semantic version.
semver() {
	local version=${1#v}
	local number='(0|[1-9][0-9]*)' identifier='(0|[1-9][0-9]*|[0-9]*[A-Za-z-][A-Za-z0-9-]*)'
	if ! [[ $version =~ ^$number\.$number\.$number(-$identifier(\.$identifier)*)?$ ]]; then
		version=$(tr -c 'A-Za-z0-9\n-' - <<<"$version")
		# A number must not begin with 0, but a commit may.
		[[ $version =~ ^$identifier$ ]] || version=g$version
		version=0.0.0-$version
	fi
	echo "$version"
}

# archive FILE FOLDER NAME...: packs what is in a folder, so that the same content gives the same bytes.
archive() {
	tar --sort=name --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --mtime="@$SOURCE_DATE_EPOCH" -C "$2" -c "${@:3}" | gzip -n >"$1"
}
