/** For commander's subcommands in files of their own, of which there are none here. */
export default {};
