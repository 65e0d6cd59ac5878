"""WHEN: what is rung how often, by the one beat that is awake."""
