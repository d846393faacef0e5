"""nbgrader's configuration: `nbgrader generate_assignment backprop`, later `nbgrader autograde backprop`."""

c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "calculus"
c.ClearSolutions.code_stub = {"python": "raise NotImplementedError"}
c.ExecutePreprocessor.timeout = 120  # seconds for a cell
