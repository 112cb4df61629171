// A plugin of typedoc. It leaves inherited members out of the API reference where the reference has the parent, to which each
// "Extends" leads, because a reader would otherwise meet the same text two or three times.

import { Converter, ReflectionKind } from 'typedoc';

/** Between the end of typedoc's own links from child to parent, and its grouping of members into sections. */
const AFTER_LINKS_BEFORE_GROUPS = -50;

export function load({ converter }) {
  converter.on(
    Converter.EVENT_RESOLVE_END,
    ({ project }) => {
      const members = project.getReflectionsByKind(ReflectionKind.ClassMember);
      for (const member of members.filter(({ inheritedFrom }) => inheritedFrom?.reflection)) project.removeReflection(member);
    },
    AFTER_LINKS_BEFORE_GROUPS,
  );
}
